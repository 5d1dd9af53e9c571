            v_transaction := txid_current();
            v_at := clock_timestamp();
            v_actor := archive.current_actor();
            v_by := {actor};
            v_reason := format('caught: %s by the role %s', TG_OP, archive.acting_role());
            v_first := NOT EXISTS (SELECT FROM archive.caught AS c WHERE c.transaction_id = v_transaction);
            IF v_first THEN
                -- Where a session has set its constraints to immediate, the records would be written before all rows of a cascade are caught.
                SET CONSTRAINTS archive.record_caught DEFERRED;
            END IF;
            -- The rows go to the archival of a parent that this transaction has caught. The trigger of a parent fires before that of the
            -- rows that its deletion cascades to. A row without such a parent is the root of an archival of its own, for now.
            --
            -- Race: the rows are deleted already, so no other transaction changes them, adds a row below them, archives or restores them.
            WITH placed AS MATERIALIZED (
                SELECT {columns}, p.id IS NULL AS "archive.is_root", coalesce(p.id, nextval('archive.archival_id_seq')) AS "archive.archival_id"
                FROM {source} AS o {parents}
                WHERE {rows} AND archive.stays_trusted({archive_name}::regclass) AND archive.guard_fits({id}, {archive_name}, true) AND {missing}
            ),
            archived AS (
                INSERT INTO {archive_table} ({names}, {deleted_at}, {deleted_by}, {archival_id})
                SELECT {placed_columns}, caught.v_at, caught.v_by, p."archive.archival_id" FROM placed AS p
            )
            INSERT INTO archive.caught (transaction_id, is_first, guard, archival_id, rows, tenant, key, at, actor, reason)
            SELECT caught.v_transaction, caught.v_first AND row_number() OVER () = 1, {id}, p."archive.archival_id", count(*), {tenant},
                   (array_agg({key}) FILTER (WHERE p."archive.is_root"))[1], caught.v_at, caught.v_actor, caught.v_reason
            FROM placed AS p GROUP BY p."archive.archival_id", {tenant};
            -- A trigger or a policy may have kept a row out of the archive table, or changed it.
            SELECT count(*) INTO v_rows FROM {source} AS o WHERE {rows} AND {missing};
            IF v_rows > 0 THEN
                PERFORM archive.refuse_deletion(TG_RELID, TG_OP, v_rows, NULL);
            END IF;
{key_once}
