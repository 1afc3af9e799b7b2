"""Use cases over the ports of the domain, without any driver."""
