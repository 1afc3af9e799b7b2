create index if not exists rostra_mail_requests_ages on public.rostra_mail_requests (asked_at)
