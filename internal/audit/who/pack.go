package who

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/portreeve/portreeve/internal/disk"
)

// maxDeltas bounds the differences of which an object is made, as git does, and maxInflated the bytes that are read for one.
const (
	maxDeltas   = 4095
	maxInflated = 4 * maxObject
)

// pack is one of git's packs and its index. Of the index no more is read than a search needs: that of a large repository has
// hundreds of megabytes. go-git's own storage reads all of it, and follows differences that lead to themselves for ever.
type pack struct {
	name   string
	index  *os.File
	fanout [256]uint32
	// data is opened when an object of it is asked for.
	data *os.File
}

const (
	// The index, in its second version: magic and version, 256 counts, the hashes, as many CRCs, offsets, long offsets.
	indexHeader = 8
	hashesAt    = indexHeader + 256*4
	hashSize    = 20
	isLong      = 1 << 31
)

func openPack(name string) (*pack, error) {
	index, _, err := disk.Open(name + ".idx")
	if err != nil {
		return nil, err
	}
	head := make([]byte, hashesAt)
	if _, err := index.ReadAt(head, 0); err != nil || !bytes.Equal(head[:indexHeader], []byte{0xff, 't', 'O', 'c', 0, 0, 0, 2}) {
		return nil, errors.Join(errBroken, err, index.Close())
	}
	p := &pack{name: name, index: index}
	for i := range p.fanout {
		p.fanout[i] = binary.BigEndian.Uint32(head[indexHeader+4*i:])
	}
	return p, nil
}

func (p *pack) close() {
	_ = p.index.Close()
	if p.data != nil {
		_ = p.data.Close()
	}
}

// find returns where an object begins.
func (p *pack) find(h plumbing.Hash) (int64, bool) {
	low, high := uint32(0), p.fanout[h[0]]
	if h[0] > 0 {
		low = p.fanout[h[0]-1]
	}
	if low >= high {
		return 0, false
	}
	var at [hashSize]byte
	n, found := sort.Find(int(high-low), func(i int) int {
		if _, err := p.index.ReadAt(at[:], hashesAt+hashSize*(int64(low)+int64(i))); err != nil {
			return -1
		}
		return bytes.Compare(h[:], at[:])
	})
	if !found {
		return 0, false
	}
	return p.offset(int64(low) + int64(n))
}

// offset returns where the object with a number begins.
func (p *pack) offset(number int64) (int64, bool) {
	all := int64(p.fanout[255])
	offsetsAt := hashesAt + all*(hashSize+4)
	var b [8]byte
	if _, err := p.index.ReadAt(b[:4], offsetsAt+4*number); err != nil {
		return 0, false
	}
	short := binary.BigEndian.Uint32(b[:4])
	if short&isLong == 0 {
		return int64(short), true
	}
	if _, err := p.index.ReadAt(b[:], offsetsAt+4*all+8*int64(short&^isLong)); err != nil {
		return 0, false
	}
	long := binary.BigEndian.Uint64(b[:])
	return int64(long), long < 1<<62
}

// object returns the object that begins at an offset.
func (p *pack) object(ctx context.Context, offset int64) (plumbing.ObjectType, []byte, error) {
	if p.data == nil {
		data, _, err := disk.Open(p.name + ".pack")
		if err != nil {
			return plumbing.InvalidObject, nil, err
		}
		p.data = data
	}
	scanner := packfile.NewScanner(p.data)
	var deltas [][]byte
	for left := int64(maxInflated); len(deltas) <= maxDeltas; {
		if err := ctx.Err(); err != nil {
			return plumbing.InvalidObject, nil, err
		}
		header, content, err := stored(scanner, offset, min(left, maxObject))
		if err != nil {
			return plumbing.InvalidObject, nil, err
		}
		left -= header.Length
		switch header.Type {
		case plumbing.OFSDeltaObject:
			offset = header.OffsetReference
		case plumbing.REFDeltaObject:
			var ok bool
			if offset, ok = p.find(header.Reference); !ok {
				return plumbing.InvalidObject, nil, errMissing
			}
		default:
			content, err = patched(content, deltas)
			return header.Type, content, err
		}
		deltas = append(deltas, content)
	}
	return plumbing.InvalidObject, nil, errTooLarge
}

// stored reads what is stored at an offset: an object or a difference.
func stored(scanner *packfile.Scanner, offset, most int64) (*packfile.ObjectHeader, []byte, error) {
	header, err := scanner.SeekObjectHeader(offset)
	if err != nil {
		return nil, nil, err
	}
	if header.Length < 0 || header.Length > most {
		return nil, nil, errTooLarge
	}
	var content bytes.Buffer
	// The scanner gives no more than the header says.
	n, _, err := scanner.NextObject(&content)
	if err == nil && n != header.Length {
		err = errBroken
	}
	return header, content.Bytes(), err
}

// patched applies differences, the last first.
func patched(content []byte, deltas [][]byte) ([]byte, error) {
	for i := len(deltas) - 1; i >= 0; i-- {
		_, n := binary.Uvarint(deltas[i])
		if n <= 0 {
			return nil, errBroken
		}
		// What a difference makes is bounded before it is made.
		if size, m := binary.Uvarint(deltas[i][n:]); m <= 0 || size > maxObject {
			return nil, errTooLarge
		}
		var err error
		if content, err = packfile.PatchDelta(content, deltas[i]); err != nil {
			return nil, err
		}
	}
	return content, nil
}
