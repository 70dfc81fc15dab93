"""What training announces to what is made of it, inside the announcing transaction."""

from django.dispatch import Signal

versions_shrunk = Signal()  # numbers: of versions that something has left; the data sets are held
model_promoted = Signal()  # model: it serves from now on
