"""The checks of the four schemas, one module per subject."""

from infra.operations.verify.checks.agreement import AGREEMENT
from infra.operations.verify.checks.deadlines import DEADLINES
from infra.operations.verify.checks.duties import DUTIES
from infra.operations.verify.checks.effects import EFFECTS
from infra.operations.verify.checks.log import LOG
from infra.operations.verify.checks.owners import OWNERS
from infra.operations.verify.checks.people import PEOPLE
from infra.operations.verify.checks.projections import PROJECTIONS

CHECKS = (*LOG, *EFFECTS, *DEADLINES, *OWNERS, *DUTIES, *PEOPLE, *AGREEMENT, *PROJECTIONS)
