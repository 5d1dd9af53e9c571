    -- TRUNCATE has no transition table, so the rows are read before it. It locks the table, and then deletes rows that an older snapshot does
    -- not show.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING ERRCODE = 'AR020', MESSAGE = format(
            'the rows of %s are caught before a TRUNCATE in a transaction that is READ COMMITTED, and this one is %s: DELETE them, or truncate at READ COMMITTED',
            TG_RELID::regclass, upper(current_setting('transaction_isolation')));
    ELSIF to_regclass({table_name}) IS DISTINCT FROM (SELECT g.relation FROM archive.guarded_table AS g WHERE g.id = {id}) THEN
        RAISE EXCEPTION USING ERRCODE = 'AR041', MESSAGE = format(
            'the guard of %s does not fit it, so no row was deleted: the table was renamed. Call manager.guard_table(..) for it again', TG_RELID::regclass);
    ELSIF archive.require_trusted(TG_RELID) AND row_security_active(TG_RELID) AND NOT archive.sees_every_row(TG_RELID) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
            'row-level security may hide rows of %s from the owner of the schema archive, and a TRUNCATE would lose them: DELETE the rows instead', TG_RELID::regclass);
    END IF;
    -- The trigger of a partition finds the rows that the trigger of its table has caught.
    v_truncated := ARRAY(SELECT TG_RELID UNION SELECT t.relid FROM pg_partition_tree(TG_RELID) AS t);
