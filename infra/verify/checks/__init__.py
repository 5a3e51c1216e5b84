"""What the four schemas must hold by themselves, one module per subject."""

from infra.verify.checks.copies import COPIES
from infra.verify.checks.deadlines import DEADLINES
from infra.verify.checks.effects import EFFECTS
from infra.verify.checks.log import LOG
from infra.verify.checks.people import PEOPLE

CHECKS = (*LOG, *EFFECTS, *DEADLINES, *PEOPLE, *COPIES)
