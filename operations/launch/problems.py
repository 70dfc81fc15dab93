"""The one way in which a start fails."""


class LaunchError(Exception):
    """One sentence for the person who ran `make up`: what is wrong and what cures it."""
