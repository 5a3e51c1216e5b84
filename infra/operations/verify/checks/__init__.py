"""What the four schemas must hold by themselves, one module per subject."""

from infra.operations.verify.checks.deadlines import DEADLINES
from infra.operations.verify.checks.effects import EFFECTS
from infra.operations.verify.checks.log import LOG
from infra.operations.verify.checks.people import PEOPLE
from infra.operations.verify.checks.projections import COPIES

CHECKS = (*LOG, *EFFECTS, *DEADLINES, *PEOPLE, *COPIES)
