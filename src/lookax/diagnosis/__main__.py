"""`python -m lookax.diagnosis` is `lookax doctor`, where the command itself does not start."""

import sys

from lookax.diagnosis.doctor import doctor

found = doctor()
sys.stdout.write(f"{found}\n")
sys.exit(0 if found.healthy else 1)
