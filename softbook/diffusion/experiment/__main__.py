"""`python -m softbook.diffusion.experiment`."""

from softbook.diffusion.experiment.study import main

if __name__ == "__main__":
    main()
