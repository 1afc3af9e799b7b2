"""Transports of mails: an SMTP server, and a folder."""
