-- Site of the comment. Null where an earlier version reserved the vote.
alter table public.rostra_guest_votes add column if not exists site text
