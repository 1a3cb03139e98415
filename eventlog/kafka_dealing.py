"""How a group's members share partitions: dealt out one by one, topic by topic, like cards."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kafka.coordinator.assignors.abstract import (
    AbstractPartitionAssignor,
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
)


class DealingAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # kafka-python has no types
    """Each topic's partitions go to its members by turns, so that the first n of them, too, are shared evenly, for any n.

    Partitions that somebody adds stay empty; with Kafka's `range` half of the members would get nothing but those.
    """

    name = "dealing"
    version = 0

    @classmethod
    def assign(cls, cluster: Any, members: Sequence[Any]) -> dict[str, Any]:
        """Member id -> what it gets; members are taken in the order of their ids."""
        members_of: dict[str, list[str]] = defaultdict(list)
        for member in sorted(members, key=lambda member: member.member_id):
            for topic in member.metadata.topics:
                members_of[topic].append(member.member_id)
        hands: dict[str, list[tuple[str, list[int]]]] = {member.member_id: [] for member in members}
        for topic, ids in sorted(members_of.items()):
            partitions = sorted(cluster.partitions_for_topic(topic) or ())
            for n, member_id in enumerate(ids):
                hands[member_id].append((topic, partitions[n :: len(ids)]))
        return {member_id: ConsumerProtocolAssignment(cls.version, hand, b"") for member_id, hand in hands.items()}

    @classmethod
    def metadata(cls, topics: set[str]) -> Any:
        return ConsumerProtocolSubscription(cls.version, sorted(topics), b"")

    @classmethod
    def on_assignment(cls, assignment: Any, generation: int) -> None:
        """Nothing is remembered."""
