"""What goes wrong at the front door: one paragraph for people, a code for programs; never a traceback."""


class CommandError(Exception):
    """A command cannot do it (exit code 1). The text says what to do about it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
