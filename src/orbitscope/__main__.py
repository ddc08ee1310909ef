"""``python -m orbitscope`` is the ``orbitscope`` command."""

from .cli.main import main

if __name__ == "__main__":
    main()
