"""Opening a Rostra on a database: the only package that names concrete stores."""
