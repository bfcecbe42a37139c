package web

import (
	"encoding/xml"
	"io"
	"time"
	"unicode/utf8"
)

// atomFeed is a feed (RFC 4287).
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Title   string      `xml:"title"`
	ID      string      `xml:"id"`
	Links   []atomLink  `xml:"link"`
	Updated string      `xml:"updated"`
	Author  string      `xml:"author>name"`
	Entries []atomEntry `xml:"entry"`
}

type atomEntry struct {
	Title   string   `xml:"title"`
	ID      string   `xml:"id"`
	Link    atomLink `xml:"link"`
	Updated string   `xml:"updated"`
	Summary string   `xml:"summary"`
}

type atomLink struct {
	Href string `xml:"href,attr"`
	Rel  string `xml:"rel,attr,omitempty"`
}

// atomTime formats a time. Atom can only express the years 0 to 9999.
func atomTime(ms int64) string {
	at := time.UnixMilli(ms).UTC()
	if at.Year() < 0 || at.Year() > 9999 {
		at = time.UnixMilli(0).UTC()
	}
	return at.Format("2006-01-02T15:04:05.000Z")
}

func writeFeed(w io.Writer, feed *atomFeed) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return sent(err)
	}
	return sent(xml.NewEncoder(w).Encode(feed))
}

// badge is a small picture with a name and a verdict.
type badge struct {
	Name                  string
	Verdict               verdict
	Color                 string
	Left, Right, All      int
	NameMiddle, WordStart int
}

var badgeColors = map[string]string{"failed": "#b42318", "open": "#8a5a00", "sofar": "#0e6f7c", "tolerated": "#57606a", "complete": "#1a6e36"}

// measured returns the badge with its sizes. The browser stretches the text to the computed
// width.
func (b badge) measured() badge {
	const character, margin = 7, 12
	b.Color = badgeColors[b.Verdict.Kind]
	b.Left, b.Right = utf8.RuneCountInString(b.Name)*character+margin, utf8.RuneCountInString(b.Verdict.Word)*character+margin
	b.All, b.NameMiddle, b.WordStart = b.Left+b.Right, b.Left/2, b.Left+b.Right/2
	return b
}
