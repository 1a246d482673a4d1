"""The real worker, but for what it starts to train."""

import sys
from pathlib import Path

import workers.app
from workers import warming

warming.TRAINING = (sys.executable, str(Path(__file__).with_name("whole_training.py")))
app = workers.app.app
