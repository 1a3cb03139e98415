"""What is wrong with us, not with the world: records that cannot be processed, and what is stored and cannot be read."""

from eventlog.port import TopicPartition


class PoisonError(Exception):
    """A record could not be processed, which is a defect of ours: its partition must stop before it, and only before it."""

    def __init__(self, at: TopicPartition, offset: int, stop_before: int | None = None) -> None:
        """`stop_before`: the offset, if that is not the record's own."""
        super().__init__(f"offset {offset} could not be processed")
        self.at = at
        self.offset = offset if stop_before is None else stop_before


class UnreadableError(Exception):
    """Something stored that the records need cannot be read, which is a defect of ours; which record's it is not known."""
