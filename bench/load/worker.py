"""The real worker, but for what it starts to train: `stand_in.py`."""

import sys
from pathlib import Path

import workers.app
from workers import warming

warming.TRAINING = (sys.executable, str(Path(__file__).with_name("stand_in.py")))
app = workers.app.app
