package sink

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

// entry is a line in the queue of one sink.
type entry struct {
	// position counts the entries of a sink, over restarts.
	position uint64
	// at is when it came.
	at   time.Time
	line audit.Line
	// broken is how much stands on disk of one that is not as it was written.
	broken int
}

// size is what an entry counts for in the bounds.
func (e entry) size() int64 {
	if e.broken > 0 {
		return int64(e.broken)
	}
	return int64(len(e.line.Bytes) + headerSize)
}

// headerSize is of what stands on disk before a line: a checksum of the rest, when it came, its number.
const headerSize = 4 + 8 + 8

// encode returns an entry as it stands on disk.
func (e entry) encode() []byte {
	b := make([]byte, 4, headerSize+len(e.line.Bytes))
	b = binary.BigEndian.AppendUint64(b, uint64(e.at.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, e.line.Seq)
	b = append(b, e.line.Bytes...)
	binary.BigEndian.PutUint32(b, sum(b))
	return b
}

// decode copies an entry from what stands on disk.
func decode(position uint64, b []byte) entry {
	if len(b) < headerSize || binary.BigEndian.Uint32(b) != sum(b) {
		return entry{position: position, broken: max(1, len(b))}
	}
	return entry{
		position: position,
		at:       time.Unix(0, int64(binary.BigEndian.Uint64(b[4:]))),
		line:     audit.Line{Seq: binary.BigEndian.Uint64(b[12:]), Bytes: append([]byte(nil), b[headerSize:]...)},
	}
}

func sum(b []byte) uint32 { return crc32.Checksum(b[4:], crc32.MakeTable(crc32.Castagnoli)) }

// key is a position as a key of the spool: keys are in the order of positions.
func key(position uint64) []byte { return binary.BigEndian.AppendUint64(nil, position) }
