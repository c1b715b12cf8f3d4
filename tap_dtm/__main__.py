"""``python -m tap_dtm`` is the command ``tap-dtm``."""

from tap_dtm.singer.command import main

if __name__ == "__main__":
    main()
