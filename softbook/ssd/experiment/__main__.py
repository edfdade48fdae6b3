"""`python -m softbook.ssd.experiment`."""

from softbook.ssd.experiment.study import main

if __name__ == "__main__":
    main()
