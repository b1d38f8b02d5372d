"""The pictures of ``--plot``, drawn with matplotlib."""
