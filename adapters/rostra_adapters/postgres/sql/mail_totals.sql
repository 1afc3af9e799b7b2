-- Numbers of mails sent, put off and given up, of all times.
create table if not exists public.rostra_mail_totals (
    name text not null primary key,
    count bigint not null
)
