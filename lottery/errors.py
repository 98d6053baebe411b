"""The error that a person can mend."""


class LotteryError(Exception):
    """Something the user can put right; the message is one line: what, where, and what to do.

    The command line prints it without a traceback and exits with status 1.
    """
