"""The declared topics, read from infra/kafka/topics.yaml."""

from pathlib import Path

import yaml

from shared.messaging.topics import TopicDeclaration

FILE = Path(__file__).parent / "kafka" / "topics.yaml"


def declarations() -> list[TopicDeclaration]:
    return [
        TopicDeclaration(name, is_compacted=topic["cleanup"] == "compact", retention_days=topic["retention_days"])
        for name, topic in yaml.safe_load(FILE.read_text())["topics"].items()
    ]
