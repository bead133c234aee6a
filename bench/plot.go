package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// plot is a drawing of curves over sizes, both on logarithmic axes.
type plot struct {
	title, x, y string
	curves      []curve
}

// curve is one line of a plot: what was measured, by size.
type curve struct {
	name   string
	points [][2]float64
}

// The measures of a plot, in pixels.
const (
	width, height            = 720.0, 400.0
	left, right, top, bottom = 70.0, 190.0, 40.0, 50.0
)

// file returns the name of the plot's file.
func (p plot) file() string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(p.title)) + ".svg"
}

// svg draws the plot. Equal plots give equal bytes.
func (p plot) svg() []byte {
	x, y := p.axis(0), p.axis(1)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#fff"/><text x="%g" y="22" font-size="15">%s</text>`+"\n", width, height, left, p.title)
	for e := x[0]; e <= x[1]; e++ {
		at := x.place(math.Pow(10, e), left, width-right)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%g" x2="%.1f" y2="%g" stroke="#ddd"/><text x="%.1f" y="%g" text-anchor="middle">%s</text>`+"\n", at, top, at, height-bottom, at, height-bottom+18, tick(e))
	}
	for e := y[0]; e <= y[1]; e++ {
		at := y.place(math.Pow(10, e), height-bottom, top)
		fmt.Fprintf(&b, `<line x1="%g" y1="%.1f" x2="%g" y2="%.1f" stroke="#ddd"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`+"\n", left, at, width-right, at, left-6, at+4, tick(e))
	}
	fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="middle">%s</text><text x="16" y="%g" transform="rotate(-90 16 %g)" text-anchor="middle">%s</text>`+"\n", (left+width-right)/2, height-12, p.x, height/2, height/2, p.y)
	for i, c := range p.curves {
		c.draw(&b, i, x, y)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func (c curve) draw(b *bytes.Buffer, index int, x, y decades) {
	colour := []string{"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"}[index%10]
	var line []string
	for _, p := range c.points {
		at := fmt.Sprintf("%.1f,%.1f", x.place(p[0], left, width-right), y.place(p[1], height-bottom, top))
		line = append(line, at)
		px, py, _ := strings.Cut(at, ",")
		fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="3" fill="%s"/>`+"\n", px, py, colour)
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%g" y="%g" fill="%s">%s</text>`+"\n", strings.Join(line, " "), colour, width-right+10, top+14+18*float64(index), colour, c.name)
}

// decades are the powers of ten between which an axis goes.
type decades [2]float64

// axis returns the decades of one coordinate of all points.
func (p plot) axis(coordinate int) decades {
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range p.curves {
		for _, point := range c.points {
			low, high = min(low, math.Log10(point[coordinate])), max(high, math.Log10(point[coordinate]))
		}
	}
	if low > high {
		return decades{0, 1}
	}
	return decades{math.Floor(low), max(math.Ceil(high), math.Floor(low)+1)}
}

func (d decades) place(value, from, to float64) float64 {
	return from + (math.Log10(value)-d[0])/(d[1]-d[0])*(to-from)
}

func tick(exponent float64) string {
	if exponent < 0 {
		return fmt.Sprintf("%.*f", int(-exponent), math.Pow(10, exponent))
	}
	return fmt.Sprintf("%.0f", math.Pow(10, exponent))
}
