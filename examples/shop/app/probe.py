"""Ends with 0 if the application answers."""

from urllib.request import urlopen

urlopen("http://127.0.0.1:8000/health", timeout=3)
