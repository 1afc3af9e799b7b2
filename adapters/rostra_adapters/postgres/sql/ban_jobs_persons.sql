create index if not exists rostra_ban_jobs_persons on public.rostra_ban_jobs (person, position)
