"""The command line, `nexusai`."""
