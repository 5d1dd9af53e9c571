NOT EXISTS (
            SELECT FROM {archive_table} AS d
            WHERE {same_key} AND d.{deleted_at} >= now() - interval '1 minute'
              AND ROW({archived_columns})::record *= ROW({compared})::record
              AND (EXISTS (SELECT FROM archive.archival AS a WHERE a.id = d.{archival_id} AND a.restored_at IS NULL AND a.purged_at IS NULL OFFSET 0){or_caught})
            OFFSET 0)
