"""Write a model folder's SHA256SUMS anew, after its card or its calibration has changed.

python -m data.seal models/router models/home models/text
"""

import argparse
from pathlib import Path

from engine.checkpoint import seal


def main() -> None:
    """Seal each folder given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    for folder in parser.parse_args().folders:
        print(f"{folder}: {', '.join(seal(folder))}")


if __name__ == "__main__":
    main()
