"""The command line: one file per command under ``commands/``, thin around ``Project``."""
