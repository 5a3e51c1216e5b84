"""The home checks of a person, and those that a coordinator expects."""

from services.navigation.store import home_check

of_person = home_check.checks_of
expected = home_check.expected
