package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line. What is longer is counted as broken, and not kept.
const maxLine = 64 << 10

// lines are those of a log, one after the other.
type lines struct {
	from   *bufio.Reader
	stored *counter
	number int
}

// text is a line without its end; it is valid until the next one is read.
type text struct {
	bytes   []byte
	tooLong bool
}

// openLog unpacks a log where it is packed.
func openLog(log io.Reader) (*lines, error) {
	stored := &counter{from: log}
	in := bufio.NewReaderSize(stored, maxLine)
	out := &lines{from: in, stored: stored}
	if begin, _ := in.Peek(2); !bytes.Equal(begin, []byte{0x1f, 0x8b}) {
		return out, nil
	}
	unpacked, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("unpack the log: %w", err)
	}
	out.from = bufio.NewReaderSize(unpacked, maxLine)
	return out, nil
}

// next returns the next line; the last one needs no line end.
func (l *lines) next() (text, error) {
	line, err := l.from.ReadSlice('\n')
	if len(line) > 0 {
		l.number++
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return text{tooLong: true}, l.skip()
	case errors.Is(err, io.EOF) && len(line) > 0:
		err = nil
	}
	return text{bytes: bytes.TrimRight(line, "\r\n")}, err
}

// skip reads to the end of a line.
func (l *lines) skip() error {
	for {
		_, err := l.from.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

func (l *lines) read() int64 { return l.stored.bytes }

// counter counts what is read.
type counter struct {
	from  io.Reader
	bytes int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.bytes += int64(n)
	return n, err
}
