"""The real worker, but for what it starts: `small_training.py` instead of a network that takes minutes."""

import sys
from pathlib import Path

import workers.app
from workers import warming

warming.TRAINING = (sys.executable, str(Path(__file__).with_name("small_training.py")))
app = workers.app.app
