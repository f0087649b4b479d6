"""What several kinds of tests build on: builders of facts, protocols and local stacks."""
