insert into rostra_keys.master_keys (master)
select distinct master from rostra_keys.person_keys where wrapped is not null
on conflict do nothing
