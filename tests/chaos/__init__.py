"""The whole product under load, while what it stands on is killed, stopped and wiped; afterwards `care verify` judges."""
