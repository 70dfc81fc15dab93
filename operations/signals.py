"""What operations announces."""

from django.dispatch import Signal

#: A worker of this machine is alive; sent in its main process every ten seconds, in no transaction.
worker_beats = Signal()
