"""Where a buzhash makes a place to cut: 17 zero bits of a 32-bit hash of the 32 bytes before.

The hash after byte i is the XOR of T[byte i - k] rotated left by k bits, for k from 0 to 31. The table and the
constants are boxo's (``chunker/buzhash.go``).
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable

__all__ = ["WINDOW", "finder", "table"]

WINDOW = 32
BITS = 17
MASK = 0xFFFFFFFF

# 256 little-endian words, SHA-256 5682f46a3226102a4f113d61841ab4f3e815b43ba590f1a1ecab7561369fc0cb.
_TABLE = (
    ")#o;13!5hpf`Nf@6lGG}Js#9A$oPJDg;MT=H#Uzf8k__#k(b|B9~B3Z7)Vr`SoZF8V9F>U8rg9Ieps$2U;6p%&2ercE{Zzzf"
    "HScRERk29+iaqVaXrtU@uqF4cJoP`$Lwk}?x~dU%jucw#uFE?`_GC9`=DScY+_0@Mk?}ur5bu|7D;hx%2d=rFt{ayWA$YV%I"
    "tqcUh2^K)YI9)bj4oF0_mz%=fLfTGoCsP;lT~(Irhcl3KT<|#R^Hr`!GOW)oquK>S%PRZ|^YprPUtHcupT-1sT!Z1UX^yxo2"
    "!v%v@TKq_a1BiiuN8ozjnMbrsmE6yzIG=fV0sd7&wQ+WrpI0uDF_{qLLHf{+9)F?hV0r~**`Mt062n*_}PPnkmxrNzd>P+!`"
    "+$6mn>wi(-+xqu!FXeqV186+021++pXoi3!2X!hW1xu(}{w09@GR?cGK)v9Jf1h@TQr84+t%J!9&?L6rInT;Y<C=S08S!9W3"
    "+OLTRsJemzL!)OSu#ps5v83@YwmAnupjB|2DY6bOQiA*>-_s{EX(o8EY2acU0Wna2u9F4zT_@|=c(xAU-pm(S3TC;NEg%NnB"
    "Az1czct6H=5I09OfJW7qTdDrT3oT#Nqg97MR&;wVO>NMs&%O~xv83k69716kz@PO{Z*2}kvmFwCQRqKKuykLp1yp*o>JuIFJ"
    "rS0$=NuRsFW{g5k~#^?ZJK}*5h19u`TXk0<iijcu1Zr-axa4%Kd^Azq3L9uo9%yjJciQQ(dpYU*c7MIBPW1y)2=(x+iFy?u+"
    "+vQV%+eu#p5666tO7PC7m#y6Xwk|KO>hAz3TRJc+sPh@OHoD$H=0(7D7Tqb{TCB2BElOvK1LmjjI+HFq-kp8z{}LN~Y$aoiy"
    "$1APJQp$c|fOMz)xe+1)}-kdzC^@dzwr7AMCO;aU8<1H=?OU(StS1POv1Z|-3H`jQ)X7|zZJe8;Qh1%b|)wdH;D5L1S7+;Um"
    "L_!JMQxaGH?x%k-Lr*eF**W|_j{37vpYBU~g2uaePy<|_Y$*N$hPGNH*Y|7fikQR-`VinhY2#nU%Sl(HH|2yYWAmThnh#VUG"
    "@Fd7vv$N=*GpF&tpJgdP2M3#1smTdMuo9hWM}8MSWb}Np;xb$GsI23{cR<t^O!mIGg#p9CeI4u*4cmcO$#uPkV4;yyd2PI<3"
    "5ScMxa8>8yJpvc3dWB#H4}gp&glmlyZ-7Vy@!ma2Q1Vwy@!qCHO@If3%ZYzVw`4=W*JEu!5DH?=|?F;$a_Ig;_E~F5@j-55J"
    "F%I1jUxZd<Jf-%gWG4w=+ES>jWWeT6|>"
)


def table() -> tuple[int, ...]:
    """The word of each byte. Every bit is set in 128 of them."""
    return struct.unpack("<256I", base64.b85decode(_TABLE))


def finder(bits: int = BITS) -> Callable[[memoryview, int, int], int]:
    """``find(data, start, stop)``: the first place to cut in ``start <= place < stop``, or -1."""
    words = table()
    turned = tuple(words)
    mask = (1 << bits) - 1

    def find(data: memoryview, start: int, stop: int) -> int:
        state = 0
        for byte in data[start - WINDOW : start]:
            state = (state << 1 & MASK | state >> 31) ^ words[byte]
        place = start
        for out, byte in zip(data[start - WINDOW : stop - WINDOW], data[start:stop], strict=False):
            if not state & mask:
                return place
            state = (state << 1 & MASK | state >> 31) ^ turned[out] ^ words[byte]
            place += 1
        return place if place < stop and not state & mask else -1

    return find
