"""What data sets announce to what is made of them, inside the announcing transaction."""

from django.dispatch import Signal

versions_shrunk = Signal()  # numbers: of versions that something has left; the data sets are held
