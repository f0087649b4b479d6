"""`make bench-backpressure`: back-fill ten times faster than the services, and live patients of a trial beside it."""
