"""The error that a person can mend."""


class LotteryError(Exception):
    """Something the user can put right; the message is one line: what, where, and what to do.

    The command line prints it without a traceback and exits with status 1.
    """


def shortened(text: object, end: int = 100) -> str:
    """A message on one line, without its middle where it is long: what a file says may be of any length.

    end: characters that are kept of its beginning, and of its end.
    """
    line = " ".join(str(text).split())
    return line if len(line) <= 2 * end else f"{line[:end]} … {line[-end:]}"
