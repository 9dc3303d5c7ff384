-- How far each projection has read each partition of a topic. Rows exist only while a topic feeds the projection; its
-- position in the catalog is then the least of these.

CREATE TABLE partitions (
    projection  text COLLATE "C" NOT NULL,
    generation  bigint NOT NULL,           -- as in the catalog; those of the kept generation serve a rollback
    number      bigint NOT NULL,           -- of the partition
    topic       text COLLATE "C" NOT NULL,
    next_offset bigint NOT NULL,           -- the next record to read
    position    bigint NOT NULL,           -- every event of this partition up to here is in the rows
    PRIMARY KEY (projection, generation, number)
);
