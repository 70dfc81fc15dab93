"""The curves of a run as TensorBoard reads them, in one file that is written anew after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def write_events(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write one scalar a figure and epoch. Imports TensorFlow.

    Its own writer would put the machine's name into the file's; and a resumed run would write two files.

    Args:
        path: the file; TensorBoard wants ``tfevents`` in its name.
        history: one row an epoch, from the first on.
    """
    import tensorflow as tf
    from tensorflow.core.framework.summary_pb2 import Summary
    from tensorflow.core.util.event_pb2 import Event

    aside = path.with_name(f".{path.name}.aside")
    with tf.io.TFRecordWriter(str(aside)) as writer:
        writer.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())
        for epoch, row in enumerate(history, start=1):
            values = [Summary.Value(tag=name, simple_value=value) for name, value in row.items()]
            event = Event(wall_time=row.get("seconds", 0.0), step=epoch, summary=Summary(value=values))
            writer.write(event.SerializeToString())
    aside.replace(path)
