create schema if not exists rostra_keys
