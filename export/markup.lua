-- Turns pieces of text into Typst, all of a write-up in one run:
--   pandoc lua markup.lua < pieces.json > results.json
-- A piece has `text`, `format` (a Pandoc reader), `lower` (by how many levels its headings
-- are lowered) and `leads` (whether it must be on the page of what follows). A result has
-- `typst`, `images` (the sources of what is `image:1` and so on in the Typst), `codes` (the
-- same for code blocks), `titles` (the headings of level 1) and `problem`, if anything would
-- be lost.

local writer = { wrap_text = "none" }
-- Without "smart", quotes and dashes are written as what they are by now, and Typst need
-- not guess: in (a)'s it would take the apostrophe for an opening quote.
local format = { format = "typst", extensions = { smart = false } }

local function has_html(document)
  local found = false
  local function look(element) found = found or element.format == "html" end
  document:walk { RawBlock = look, RawInline = look }
  return found
end

-- Keep each paragraph on the page of the code after it, of the list that it ends with a
-- colon for, and (the last one) of what follows the piece.
local function keep_together(blocks, leads)
  local kept = pandoc.List()
  for number, block in ipairs(blocks) do
    local after = blocks[number + 1]
    local colon = block.t == "Para" and pandoc.utils.stringify(block):match(":$")
    if block.t == "Para"
      and (colon or (after and after.t == "RawBlock") or (leads and not after)) then
      kept:insert(pandoc.RawBlock("typst", "#lead-in["))
      kept:insert(block)
      kept:insert(pandoc.RawBlock("typst", "]"))
    else
      kept:insert(block)
    end
  end
  return kept
end

local function convert(piece)
  local document = pandoc.read(piece.text, piece.format)
  if has_html(document) then
    -- Typst's writer drops raw HTML; the HTML reader understands it.
    document = pandoc.read(pandoc.write(document, "html"), "html")
  end
  local images, codes, titles = pandoc.List(), pandoc.List(), pandoc.List()
  local problem
  local function lost(raw)
    if raw.text:match("^%s*<style") then return {} end -- as with every pandas table
    problem = raw.format .. " code: " .. raw.text
  end
  document = document:walk { RawInline = lost, RawBlock = lost }
  document = document:walk {
    Header = function(header)
      header.level = header.level + piece.lower
      if header.level == 1 then
        titles:insert(pandoc.utils.stringify(header))
      end
      header.identifier = "" -- cells are typeset apart: labels could clash
      return header
    end,
    Div = function(div) return div.content end, -- would be no wider than its text
    Span = function(span) span.identifier = "" return span end,
    Link = function(link)
      -- Between headings or notebooks, a link has no target on paper.
      if not link.target:match("^%a[%w+.-]*:") then return link.content end
    end,
    CodeBlock = function(block)
      codes:insert({ text = block.text, language = block.classes[1] or "text" })
      return pandoc.RawBlock("typst", "#code(code:" .. #codes .. ")")
    end,
  }
  document = document:walk {
    Str = function(str) -- what is no dash or ellipsis by now shall not become one
      if not (str.text:find("--", 1, true) or str.text:find("...", 1, true)) then return end
      local parts = pandoc.List()
      for words, sign in str.text:gmatch("([^%-%.]*)([%-%.]?)") do
        parts:insert(pandoc.Str(words))
        if sign ~= "" then parts:insert(pandoc.RawInline("typst", "\\" .. sign)) end
      end
      return parts
    end,
    Image = function(image) -- Pandoc's own would lose the alternative text
      images:insert(image.src)
      local arguments = pandoc.json.encode("image:" .. #images)
        .. ", alt: " .. pandoc.json.encode(pandoc.utils.stringify(image.caption))
      if (image.attributes.width or ""):match("^%d+$") then -- pixels, 96 to the inch
        arguments = arguments .. ", width: " .. image.attributes.width * 0.75 .. "pt"
      end
      return pandoc.RawInline("typst", "#picture(" .. arguments .. ")")
    end,
  }
  document.blocks = keep_together(document.blocks, piece.leads)
  return {
    typst = pandoc.write(document, format, writer),
    images = images,
    codes = codes,
    titles = titles,
    problem = problem,
  }
end

-- A formula has `tex` and `display`. One that Pandoc cannot convert is left as TeX,
-- with a message that ends in what it stumbled over.
local function formula(request)
  local kind = request.display and "DisplayMath" or "InlineMath"
  local document = pandoc.Pandoc { pandoc.Plain { pandoc.Math(kind, request.tex) } }
  local typst
  local messages = pandoc.log.silence(function()
    typst = pandoc.write(document, format, writer)
  end)
  local problem = messages[1] and messages[1].message
  return { typst = typst, problem = problem }
end

local results = pandoc.List() -- which is an array in JSON even when empty
for _, request in ipairs(pandoc.json.decode(io.read("a"))) do
  results:insert(request.tex and formula(request) or convert(request))
end
io.write(pandoc.json.encode(results))
