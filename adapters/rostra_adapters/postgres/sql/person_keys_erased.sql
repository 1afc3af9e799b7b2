-- `erasures`: how often the owner had been erased when the key was made, or was destroyed.
alter table rostra_keys.person_keys
    alter column key_id drop not null,
    alter column wrapped drop not null,
    alter column master drop not null,
    add column if not exists erasures bigint not null default 0
