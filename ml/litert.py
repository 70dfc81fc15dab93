"""LiteRT interpreters, one a thread, made when first needed.

An interpreter keeps its tensors between calls, so two threads must never share one; and a worker that forks
must not run on its parent's. One CPU thread each: the site runs one worker process a core.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class LiteRTModel:
    """A ``.tflite`` file with one float32 input of a fixed shape, to be shared freely between threads.

    Args:
        path: the file. It is read at the first call of each thread.
        batch: how many inputs it takes at once, where that is not what the file says.
    """

    def __init__(self, path: Path, *, batch: int | None = None) -> None:
        self.path = path
        self.batch = batch
        self._local = threading.local()

    def __call__(self, inputs: Array) -> list[Array]:
        """Run once. ``inputs`` has the network's input shape; returns copies of the outputs in file order."""
        interpreter = self._interpreter()
        interpreter.set_tensor(self._local.input, inputs)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in self._local.outputs]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the input, batch first."""
        self._interpreter()
        shape: tuple[int, ...] = self._local.shape
        return shape

    def _interpreter(self) -> Any:  # ai_edge_litert ships no types
        if getattr(self._local, "pid", None) != os.getpid():
            # Imported here so that the parts of the library that run no network load without it.
            from ai_edge_litert.interpreter import Interpreter

            interpreter = Interpreter(str(self.path), num_threads=1)
            (entry,) = interpreter.get_input_details()
            if self.batch is not None:
                interpreter.resize_tensor_input(entry["index"], [self.batch, *entry["shape"][1:]])
            interpreter.allocate_tensors()
            (entry,) = interpreter.get_input_details()
            self._local.shape = tuple(int(side) for side in entry["shape"])
            self._local.input = entry["index"]
            self._local.outputs = [detail["index"] for detail in interpreter.get_output_details()]
            self._local.interpreter = interpreter
            self._local.pid = os.getpid()
        return self._local.interpreter
