"""What may end a run before its time."""


class RunFailedError(ArithmeticError):
    """A quantity has become infinite or not a number, or a solver gave up; what was computed before is kept."""


class StoppedError(Exception):
    """Work was asked to stop, and has; the message says where.

    **Arguments:** the `message`; the `number` of the signal, which says the exit status.
    """

    def __init__(self, message: str, number: int):
        super().__init__(message, number)
        self.exit_status = 128 + number

    def __str__(self):
        return str(self.args[0])
