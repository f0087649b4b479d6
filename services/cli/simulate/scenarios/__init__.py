"""Decides which patients there are, in groups by what they are about."""

from services.cli.simulate.scenarios.changes import CHANGES
from services.cli.simulate.scenarios.eligible import ELIGIBLE
from services.cli.simulate.scenarios.failing import FAILING
from services.cli.simulate.scenarios.merged import MERGED
from services.cli.simulate.scenarios.progression import PROGRESSION
from services.cli.simulate.scenarios.rejection import REJECTION
from services.cli.simulate.scenarios.response import RESPONSE
from services.cli.simulate.scenarios.safety import SAFETY
from services.cli.simulate.scenarios.scenario import Scenario
from services.cli.simulate.scenarios.undecided import NOT_SCREENED, UNDECIDED

SCENARIOS: tuple[Scenario, ...] = (
    *ELIGIBLE,
    *FAILING,
    *UNDECIDED,
    *NOT_SCREENED,
    *CHANGES,
    *MERGED,
    *RESPONSE,
    *PROGRESSION,
    *REJECTION,
    *SAFETY,
)

__all__ = ["SCENARIOS", "Scenario"]
