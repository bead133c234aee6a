package sink

import (
	"encoding/binary"

	"go.etcd.io/bbolt"
)

// change is what becomes of the entries of one sink in a transaction: some are put behind all, those up to done are removed.
type change struct {
	sink string
	put  []entry
	done uint64
	// seq is the number of the last line that the sink has, delivered or put; 0 is not known.
	seq uint64
	// more says, after it, that not all that is done was removed.
	more bool
}

func (c *change) write(tx *bbolt.Tx) error {
	all, err := tx.CreateBucketIfNotExists([]byte(linesBucket))
	if err != nil {
		return err
	}
	counts, err := tx.CreateBucketIfNotExists([]byte(countBucket))
	if err != nil {
		return err
	}
	b, err := all.CreateBucketIfNotExists([]byte(c.sink))
	if err != nil {
		return err
	}
	b.FillPercent = 0.95 // keys only grow
	left := kept{last: b.Sequence()}
	if count := counts.Get([]byte(c.sink)); len(count) == 16 {
		left.events, left.bytes = int(binary.BigEndian.Uint64(count)), int64(binary.BigEndian.Uint64(count[8:]))
	}
	if err := c.remove(b, &left); err != nil {
		return err
	}
	for _, e := range c.put {
		if err := b.Put(key(e.position), e.encode()); err != nil {
			return err
		}
		left.events, left.bytes, left.last = left.events+1, left.bytes+e.size(), e.position
	}
	if err := b.SetSequence(left.last); err != nil {
		return err
	}
	if err := c.reach(tx); err != nil {
		return err
	}
	return counts.Put([]byte(c.sink), binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(left.events)), uint64(left.bytes)))
}

// reach notes up to which line the sink has the record.
func (c *change) reach(tx *bbolt.Tx) error {
	if c.seq == 0 {
		return nil
	}
	b, err := tx.CreateBucketIfNotExists([]byte(reachedBucket))
	if err != nil {
		return err
	}
	return b.Put([]byte(c.sink), key(c.seq))
}

// remove removes what is done, a bounded number at a time, so that no transaction gets long.
func (c *change) remove(b *bbolt.Bucket, left *kept) error {
	c.more = false
	cursor := b.Cursor()
	for range maxRemoved {
		k, v := cursor.First()
		if len(k) != 8 || binary.BigEndian.Uint64(k) > c.done {
			return nil
		}
		size := int64(len(v))
		if err := cursor.Delete(); err != nil {
			return err
		}
		left.events, left.bytes = left.events-1, left.bytes-size
	}
	c.more = true
	return nil
}

// maxRemoved bounds what one transaction removes of one sink.
const maxRemoved = 10_000
