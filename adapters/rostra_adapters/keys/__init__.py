"""Key rings: keys of persons, sealed with a master key."""
